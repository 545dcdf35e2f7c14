/** Answers a message: with the time if it asks for it, else with what it can be asked. */
exports.handler = (context, event, callback) => {
  const reply = new Twilio.twiml.MessagingResponse()
  const asked = (event.Body ?? '').trim().toLowerCase()
  reply.message(asked === 'time' ? `It is ${clockIn(context.TIME_ZONE)}.` : 'Send TIME to be told the time.')
  callback(null, reply)
}

const clockIn = (timeZone = 'UTC') =>
  new Intl.DateTimeFormat('en-GB', { timeStyle: 'short', timeZone }).format(new Date())
