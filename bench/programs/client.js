/** Has the library loaded, as whoever calls the API. */
exports.handler = (context, _event, callback) => {
  context.getTwilioClient()
  callback(null, 'Hello world!')
}
