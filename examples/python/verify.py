# Verifies a phone number: pip install twilio && python3 verify.py +14155552671
import os
import sys

from twilio.rest import Client

to = sys.argv[1]
client = Client(os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"])
# The one line that differs from a program for Twilio.
client.verify.base_url = os.environ.get("VERIFY_URL", "http://localhost:8080")
service = client.verify.v2.services(os.environ["TWILIO_VERIFY_SERVICE_SID"])

verification = service.verifications.create(to=to, channel="sms")
print(f"{verification.sid} is {verification.status}")

check = service.verification_checks.create(to=to, code=input("Code: "))
print(f"{check.sid} is {check.status}")
