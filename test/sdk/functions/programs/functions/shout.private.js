exports.shout = (text) => `${text.toUpperCase()}!`
exports.handler = (_context, _event, callback) => callback(null, 'nobody can call this')
