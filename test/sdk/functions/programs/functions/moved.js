exports.handler = ({ DOMAIN_NAME }, _event, callback) => {
  const response = new Twilio.Response()
  response.setStatusCode(303)
  response.appendHeader('Location', `//${DOMAIN_NAME}/hello`)
  callback(null, response)
}
