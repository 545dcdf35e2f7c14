# What a customer's program looks like: nothing here knows of Countersign.
import os
import sys

from twilio.rest import Client

client = Client(os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"])
service = client.verify.v2.services(os.environ["TWILIO_VERIFY_SERVICE_SID"])
print(service.verifications.create(to=sys.argv[1], channel="sms").status)
