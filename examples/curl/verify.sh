#!/bin/sh
# Verifies a phone number: sh verify.sh +14155552671
set -eu
to=$1
service=${VERIFY_URL:-http://localhost:8080}/v2/Services/$TWILIO_VERIFY_SERVICE_SID

curl --silent --show-error --fail-with-body "$service/Verifications" \
  --user "$TWILIO_ACCOUNT_SID:$TWILIO_AUTH_TOKEN" \
  --data-urlencode "To=$to" --data-urlencode Channel=sms

printf '\nCode: '
read -r code

curl --silent --show-error --fail-with-body "$service/VerificationCheck" \
  --user "$TWILIO_ACCOUNT_SID:$TWILIO_AUTH_TOKEN" \
  --data-urlencode "To=$to" --data-urlencode "Code=$code"
echo
