const { priceOf } = require(Runtime.getAssets()['/lists/prices.js'].path)

exports.handler = (_context, { of }, callback) => {
  const price = priceOf(of)
  if (price === undefined) return callback(new Error(`No price for ${of}`))
  callback(null, { price, assets: Object.keys(Runtime.getAssets()).sort() })
}
