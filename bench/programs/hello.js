exports.handler = (_context, _event, callback) => callback(null, 'Hello world!')
