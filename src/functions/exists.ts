import { stat } from 'node:fs/promises'

/** Whether there is anything at a path. Throws where it cannot be told. */
export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
