import base64
import json
import os
import sys
import urllib.parse
import urllib.request

sid, token = os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"]
request = urllib.request.Request(
    f"https://verify.twilio.com/v2/Services/{os.environ['TWILIO_VERIFY_SERVICE_SID']}/Verifications",
    urllib.parse.urlencode({"To": sys.argv[1], "Channel": "sms"}).encode(),
    {"Authorization": "Basic " + base64.b64encode(f"{sid}:{token}".encode()).decode()},
)
print(json.load(urllib.request.urlopen(request))["status"])
