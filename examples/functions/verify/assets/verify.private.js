exports.verifyService = (context) => context.getTwilioClient().verify.v2.services(context.VERIFY_SERVICE_SID)

exports.answer = (status, body) => {
  const response = new Twilio.Response()
  response.setStatusCode(status)
  response.appendHeader('Content-Type', 'application/json')
  response.setBody(body)
  return response
}

/** What people can do something about, by the API's error codes: docs/errors.md. */
const EXPLAINED = {
  60200: 'This is not a phone number. Please enter it with its country code, as in +1 415 555 0100.',
  60202: 'Too many wrong codes. Please wait ten minutes.',
  60203: 'Too many codes were sent. Please wait ten minutes.',
}

/** Throws what people can do nothing about: the caller sees status 500, and the log says why. */
exports.refuse = (error) => {
  const explained = EXPLAINED[error.code]
  if (!explained) throw error
  return exports.answer(error.status, { error: explained })
}
