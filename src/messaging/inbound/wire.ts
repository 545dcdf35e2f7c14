import { Type } from '../../http/type.ts'

/** What a person writes on the virtual phone. */
export const WriteBody = Type.Object({
  From: Type.String(),
  To: Type.String(),
  Body: Type.String({ maxLength: 1600 }),
})
