exports.handler = async (context, { name }, callback) => {
  const response = new Twilio.Response()
  response.appendHeader('Content-Type', 'application/json')
  try {
    const service = context.getTwilioClient().verify.v2.services(context.VERIFY_SERVICE_SID)
    const factor = await service
      .entities(`person-${name}`)
      .newFactors.create({ friendlyName: name, factorType: 'totp' })
    response.setBody({ ok: true, uri: factor.binding.uri })
  } catch ({ status, code, message }) {
    response.setStatusCode(status ?? 500)
    response.setBody({ ok: false, code, message })
  }
  callback(null, response)
}
