/** Tokens of this project: signed with JWT_SECRET, for nobody else. */
const jwt = require('jsonwebtoken')

const AUDIENCE = 'functions/jwt'

exports.issueToken = (context, name) =>
  jwt.sign({}, secretOf(context), { algorithm: 'HS256', subject: name, audience: AUDIENCE, expiresIn: '15m' })

/** What a token says that we signed and that is still good; undefined otherwise. */
exports.readToken = (context, authorization = '') => {
  const [scheme, token = ''] = authorization.split(' ')
  if (scheme.toLowerCase() !== 'bearer') return undefined
  const secret = secretOf(context)
  try {
    // The algorithm is ours to say, not the token's.
    return jwt.verify(token, secret, { algorithms: ['HS256'], audience: AUDIENCE })
  } catch {
    return undefined
  }
}

function secretOf({ JWT_SECRET = '' }) {
  if (JWT_SECRET.length < 32) throw new Error('JWT_SECRET is missing, or shorter than 32 characters')
  return JWT_SECRET
}
