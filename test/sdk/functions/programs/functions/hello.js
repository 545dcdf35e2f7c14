exports.handler = (_context, _event, callback) => {
  console.log('somebody said hello')
  callback(null, 'Good day to you!')
}
