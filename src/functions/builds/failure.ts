/** A build that cannot be made as it is asked for. The message tells its owner why, in one line. */
export class BuildFailure extends Error {
  override name = 'BuildFailure'
}
