/** The client that the runtime gives. */
exports.handler = async (context, { to }, callback) => {
  const service = context.getTwilioClient().verify.v2.services(context.VERIFY_SERVICE_SID)
  const { sid, status, url } = await service.verifications.create({ to, channel: 'sms' })
  console.warn(`sent ${sid}`)
  callback(null, { sid, status, url })
}
