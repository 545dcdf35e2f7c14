import type { Read, Tx } from '../../storage/storage.ts'

export const findOwnServiceSid = async (read: Read) =>
  (await read.get<{ service_sid: string }>`select service_sid from own_service where id = 1`)?.service_sid

export const keepOwnServiceSid = (tx: Tx, serviceSid: string) =>
  tx.run`insert into own_service (id, service_sid) values (1, ${serviceSid})
    on conflict (id) do update set service_sid = excluded.service_sid`
