exports.handler = (_context, _event, callback) => {
  const twiml = new Twilio.twiml.VoiceResponse()
  twiml.say({ language: 'en-GB' }, 'Please hold the line')
  twiml.pause({ length: 1 })
  callback(null, twiml)
}
