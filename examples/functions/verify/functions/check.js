/** Whether `code` is the one that `to` was sent: `approved` if so, else `pending`. */
const { answer, refuse, verifyService } = require(Runtime.getAssets()['/verify.js'].path)

exports.handler = async (context, { to, code }, callback) => {
  if (!to || !code) return callback(null, answer(400, { error: 'Please enter the code.' }))
  try {
    const { status } = await verifyService(context).verificationChecks.create({ to, code })
    // A program would note here that this number belongs to this user, and nobody else may tell it so.
    callback(null, answer(200, { status }))
  } catch (error) {
    // None is open: it has expired, or was approved already.
    const isGone = error.code === 20404
    callback(null, isGone ? answer(404, { error: 'Please ask for another code.' }) : refuse(error))
  }
}
