/** Sends a code: `to` is a phone number. */
const { answer, refuse, verifyService } = require(Runtime.getAssets()['/verify.js'].path)

exports.handler = async (context, { to }, callback) => {
  if (!to) return callback(null, answer(400, { error: 'Please enter your phone number.' }))
  try {
    const { status } = await verifyService(context).verifications.create({ to, channel: 'sms' })
    callback(null, answer(200, { status }))
  } catch (error) {
    callback(null, refuse(error))
  }
}
