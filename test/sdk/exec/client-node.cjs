// What a customer's program looks like: nothing here knows of Countersign.
const twilio = require('twilio')

const client = twilio(process.env.TWILIO_ACCOUNT_SID, process.env.TWILIO_AUTH_TOKEN)
client.verify.v2
  .services(process.env.TWILIO_VERIFY_SERVICE_SID)
  .verifications.create({ to: process.argv[2], channel: 'sms' })
  .then((verification) => console.log(verification.status))
