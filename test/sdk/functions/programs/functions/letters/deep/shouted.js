const { shout } = require(Runtime.getFunctions().shout.path)

exports.handler = ({ PATH }, { text = '' }, callback) => callback(null, `${PATH}: ${shout(text)}`)
