/** Only for whoever has a token. */
const { readToken } = require(Runtime.getAssets()['/tokens.js'].path)

exports.handler = (context, event, callback) => {
  const claims = readToken(context, event.request.headers.authorization)
  if (claims) return callback(null, { name: claims.sub, until: new Date(claims.exp * 1000).toISOString() })
  const refusal = new Twilio.Response()
  refusal.setStatusCode(401)
  refusal.appendHeader('WWW-Authenticate', 'Bearer')
  refusal.appendHeader('Content-Type', 'application/json')
  refusal.setBody({ error: 'A valid token is needed' })
  callback(null, refusal)
}
