exports.handler = (_context, { Body = '' }, callback) => {
  const twiml = new Twilio.twiml.MessagingResponse()
  twiml.message(`You wrote: ${Body}`)
  callback(null, twiml)
}
