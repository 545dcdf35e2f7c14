// Verifies a phone number: npm install twilio && node verify.mjs +14155552671
import { createInterface } from 'node:readline/promises'
import twilio from 'twilio'

const { TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_VERIFY_SERVICE_SID, VERIFY_URL } = process.env
const to = process.argv[2]

const client = twilio(TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN)
// The one line that differs from a program for Twilio.
client.verify.baseUrl = VERIFY_URL ?? 'http://localhost:8080'
const service = client.verify.v2.services(TWILIO_VERIFY_SERVICE_SID)

const verification = await service.verifications.create({ to, channel: 'sms' })
console.log(`${verification.sid} is ${verification.status}`)

const terminal = createInterface({ input: process.stdin, output: process.stdout })
const code = await terminal.question('Code: ')
terminal.close()

const check = await service.verificationChecks.create({ to, code })
console.log(`${check.sid} is ${check.status}`)
