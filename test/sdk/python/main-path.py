# The main path through an unmodified client: the URL of the server and a number are its arguments. Prints what it saw.
import json
import os
import sys

import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

url, to = sys.argv[1:]
credentials = os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"]
client = Client(*credentials)
client.verify.base_url = url


def last_code():
    inbox = requests.get(f"{url}/inbox/messages", params={"To": to, "Wait": 5}, auth=credentials)
    return inbox.json()["messages"][0]["code"]


def refusal(call):
    try:
        call()
    except TwilioRestException as error:
        return [error.status, error.code]


service = client.verify.v2.services.create(friendly_name="From Python", code_length=8)
fetched = client.verify.v2.services(service.sid).fetch()
verification = service.verifications.create(to=to, channel="sms", locale="de")
code = last_code()
wrong = service.verification_checks.create(to=to, code="0000")
right = service.verification_checks.create(to=to, code=code)
attempts = client.verify.v2.verification_attempts.list(verification_sid=verification.sid, page_size=1)
pages = client.verify.v2.services.list(page_size=1)
by_recipient = service.verifications.create(to=to, channel="sms") and service.verifications(to).fetch()
canceled = service.verifications(by_recipient.sid).update(status="canceled")

print(
    json.dumps(
        {
            "service": [fetched.friendly_name, fetched.code_length, type(fetched.date_created).__name__],
            "verification": [verification.status, verification.valid, verification.channel],
            "code_length": len(code),
            "wrong": [wrong.status, wrong.valid],
            "right": [right.status, right.valid, right.sid == verification.sid],
            "again": refusal(lambda: service.verification_checks.create(to=to, code=code)),
            "bad_number": refusal(lambda: service.verifications.create(to="nobody", channel="sms")),
            "attempts": [[attempt.channel, attempt.conversion_status] for attempt in attempts],
            "services": sorted(service.friendly_name for service in pages),
            "canceled": [canceled.status, canceled.sid == by_recipient.sid],
            "deleted": client.verify.v2.services(service.sid).delete(),
            "gone": refusal(client.verify.v2.services(service.sid).fetch),
        }
    )
)
