exports.handler = (context, _event, callback) =>
  callback(null, {
    fromContext: context.GREETING,
    fromProcess: process.env.GREETING,
    hasCredentials: [context.ACCOUNT_SID, context.AUTH_TOKEN].every(Boolean),
    keys: Object.keys(process.env).sort(),
  })
