/** Why a carrier would take nothing from this machine, and what to do about it. Never holds a secret. */
export interface Obstacle {
  /** Completes "the carrier …". */
  fault: string
  advice: string
  /** It may go by itself: the carrier is there and knows us. */
  isPassing?: true
}

/** What stands in the way of a connection, by the word that the system or OpenSSL has for it. */
export function connectionObstacle(code: string): Obstacle {
  if (/CERT|SELF_SIGNED|UNABLE_TO_/.test(code)) {
    return {
      fault: `has a certificate that is not accepted: ${code}`,
      advice:
        'tls_ca names who signed it, tls_server_name whose it is; one that has ended has to be renewed there',
    }
  }
  if (/^(ERR_SSL|ERR_TLS|EPROTO$)/.test(code)) {
    return {
      fault: `refuses TLS, or speaks none on this port: ${code}`,
      advice: 'look at port and tls: which port is for TLS from the first byte?',
    }
  }
  return {
    fault: `cannot be reached: ${code}`,
    advice: 'look at its host and port, and at the firewalls between',
  }
}
