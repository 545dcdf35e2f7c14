/** Who is in the database, and whether it is them. Here is what to change for a database of your own. */
const { DatabaseSync } = require('node:sqlite')
const bcrypt = require('bcryptjs')

const database = new DatabaseSync(Runtime.getAssets()['/users.db'].path, { readOnly: true })
const byName = database.prepare('select name, password_hash from user where name = ?')

/** Of nobody: who is not there shall take as long as who is. */
const NOBODY = bcrypt.hashSync('', 12)

/** The user whose name and password a header names; undefined where there is no such user, or it is not the password. */
exports.findUser = async (authorization = '') => {
  const [scheme, credentials = ''] = authorization.split(' ')
  if (scheme.toLowerCase() !== 'basic') return undefined
  const [name = '', ...password] = Buffer.from(credentials, 'base64').toString().split(':')
  const user = byName.get(name)
  const isRight = await bcrypt.compare(password.join(':'), user?.password_hash ?? NOBODY)
  return user && isRight ? user : undefined
}
