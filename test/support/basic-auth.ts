/** After Twilio's page "Protect your Function with Basic Auth"; what it answers there is in the tests. */
export const BASIC_AUTH = `exports.handler = (context, event, callback) => {
  const response = new Twilio.Response()
  const [scheme, given = ''] = (event.request.headers.authorization || '').split(' ')
  const right = Buffer.from('twilio:ahoy!').toString('base64')
  if (scheme.toLowerCase() === 'basic' && given === right) return callback(null, 'OK')
  response
    .setBody('Unauthorized')
    .setStatusCode(401)
    .appendHeader('WWW-Authenticate', 'Basic realm="Authentication Required"')
  return callback(null, response)
}`
