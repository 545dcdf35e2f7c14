/** Who asks, with which credential, from where, and whose resources it is about. */
export interface Caller {
  /** Whose resources: the credential's own account, or one below it that the path names. */
  accountSid: string
  /** The account that the credential belongs to. */
  ownAccountSid: string
  /** Whether that one is a trial account. */
  isTrial?: boolean
  actorSid: string
  actorType: 'account' | 'key' | 'operator'
  sourceIp: string
}
