exports.handler = (_context, { request, forget }, callback) => {
  const visits = Number(request.cookies.visits ?? 0) + 1
  const response = new Twilio.Response()
  if (forget) response.removeCookie('visits')
  else response.setCookie('visits', String(visits), ['Max-Age=3600', 'SameSite=Lax'])
  response.setBody({ visits })
  callback(null, response)
}
