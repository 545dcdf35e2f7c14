/** A page for the users of the database. */
const { findUser } = require(Runtime.getAssets()['/users.js'].path)

exports.handler = async (_context, event, callback) => {
  const user = await findUser(event.request.headers.authorization)
  if (user) return callback(null, { name: user.name })
  const refusal = new Twilio.Response()
  refusal.setStatusCode(401)
  refusal.setBody('Unauthorized')
  refusal.appendHeader('WWW-Authenticate', 'Basic realm="Members", charset="UTF-8"')
  callback(null, refusal)
}
