/** A client of its own, as any program makes it. */
const twilio = require('twilio')

exports.handler = async (_context, { to, code }, callback) => {
  const { ACCOUNT_SID, AUTH_TOKEN, VERIFY_SERVICE_SID } = process.env
  const service = twilio(ACCOUNT_SID, AUTH_TOKEN).verify.v2.services(VERIFY_SERVICE_SID)
  const { status, valid } = await service.verificationChecks.create({ to, code })
  callback(null, { status, valid })
}
