const { TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_VERIFY_SERVICE_SID } = process.env
const answer = await fetch(
  `https://verify.twilio.com/v2/Services/${TWILIO_VERIFY_SERVICE_SID}/Verifications`,
  {
    method: 'POST',
    headers: { Authorization: `Basic ${btoa(`${TWILIO_ACCOUNT_SID}:${TWILIO_AUTH_TOKEN}`)}` },
    body: new URLSearchParams({ To: process.argv[2], Channel: 'sms' }),
  },
)
console.log((await answer.json()).status)
