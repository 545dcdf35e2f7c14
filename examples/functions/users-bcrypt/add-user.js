/** Puts a user into the database, or gives one another password: npm run add-user -- alice < password.txt */
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { DatabaseSync } = require('node:sqlite')
const bcrypt = require('bcryptjs')

const name = process.argv[2]
const password = readFileSync(process.stdin.fd, 'utf8').trimEnd()
if (!name || name.includes(':') || password.length < 8 || bcrypt.truncates(password)) {
  console.error('A user has a name without a colon, and a password of 8 characters to 72 bytes')
  process.exit(1)
}

const database = new DatabaseSync(join(__dirname, 'assets/users.private.db'))
database.exec('create table if not exists user (name text primary key, password_hash text not null) strict')
database
  .prepare(
    'insert into user values (?, ?) on conflict (name) do update set password_hash = excluded.password_hash',
  )
  .run(name, bcrypt.hashSync(password, 12))
