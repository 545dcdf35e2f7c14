/** Answers whoever knows the user name and the password of the environment variables. */
const { createHash, timingSafeEqual } = require('node:crypto')

exports.handler = (context, event, callback) => {
  if (isAllowed(context, event.request.headers.authorization)) return callback(null, 'OK')
  const refusal = new Twilio.Response()
  refusal.setStatusCode(401)
  refusal.setBody('Unauthorized')
  refusal.appendHeader('WWW-Authenticate', 'Basic realm="Authentication Required"')
  callback(null, refusal)
}

function isAllowed({ USERNAME, PASSWORD }, authorization = '') {
  const [scheme, credentials = ''] = authorization.split(' ')
  // Without a password nobody is let in.
  if (!USERNAME || !PASSWORD || scheme.toLowerCase() !== 'basic') return false
  return isSame(Buffer.from(credentials, 'base64').toString(), `${USERNAME}:${PASSWORD}`)
}

/** How long it takes tells nothing of where they differ. */
const isSame = (one, other) => timingSafeEqual(digest(one), digest(other))
const digest = (text) => createHash('sha256').update(text).digest()
