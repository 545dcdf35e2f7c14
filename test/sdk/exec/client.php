<?php
// As twilio-php does, with the curl extension.
$url = 'https://verify.twilio.com/v2/Services/' . getenv('TWILIO_VERIFY_SERVICE_SID') . '/Verifications';
$handle = curl_init($url);
curl_setopt_array($handle, [
  CURLOPT_RETURNTRANSFER => true,
  CURLOPT_USERPWD => getenv('TWILIO_ACCOUNT_SID') . ':' . getenv('TWILIO_AUTH_TOKEN'),
  CURLOPT_POSTFIELDS => http_build_query(['To' => $argv[1], 'Channel' => 'sms']),
]);
$body = curl_exec($handle);
echo $body === false ? curl_error($handle) : json_decode($body)->status, "\n";
