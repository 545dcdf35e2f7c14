import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { freshNumber, type TestServer, testServer } from '../../test/support/server.ts'

describe('the filters of lists', () => {
  let server: TestServer
  before(async () => {
    server = await testServer()
    await server.start(freshNumber())
    await server.ctx.delivery.drained()
  })
  after(() => server.close())

  const usage = () => `/2010-04-01/Accounts/${server.accountSid}/Usage/Records`
  const callerIds = () => `/2010-04-01/Accounts/${server.accountSid}/OutgoingCallerIds`
  const lists: [path: () => string, filters: string[]][] = [
    [
      () => '/v2/Attempts',
      ['DateCreatedAfter', 'DateCreatedBefore', 'Country', 'Channel', 'VerifyServiceSid', 'VerificationSid'],
    ],
    [() => '/v2/Attempts', ['Status', 'ChannelData.To', 'PageSize', 'Page', 'PageToken']],
    [
      () => '/v2/Attempts/Summary',
      [
        'DateCreatedAfter',
        'DateCreatedBefore',
        'Country',
        'Channel',
        'VerifyServiceSid',
        'DestinationPrefix',
      ],
    ],
    [() => '/inbox/messages', ['To', 'Wait', 'PageToken']],
    [
      () => '/v1/Events',
      ['ActorSid', 'EventType', 'ResourceSid', 'SourceIpAddress', 'StartDate', 'EndDate', 'PageToken'],
    ],
    [() => '/v1/Alerts', ['LogLevel', 'StartDate', 'EndDate']],
    [usage, ['Category', 'StartDate', 'EndDate', 'IncludeSubaccounts']],
    [callerIds, ['PhoneNumber', 'FriendlyName']],
    [() => '/2010-04-01/Accounts', ['FriendlyName', 'Status']],
  ]
  for (const [path, filters] of lists) {
    test(`${path.name || path()}: one of ${filters} that is empty was not given`, async () => {
      const all = await server.get(path())
      assert.equal(all.status, 200)
      for (const name of filters)
        assert.deepEqual((await server.get(`${path()}?${name}=`)).body, all.body, name)
      assert.deepEqual((await server.get(`${path()}?${filters.join('=&')}=`)).body, all.body)
    })
  }

  for (const [path, filters] of [
    ['/v2/Attempts', ['DateCreatedAfter', 'DateCreatedBefore']],
    ['/v2/Attempts/Summary', ['DateCreatedAfter', 'DateCreatedBefore']],
    ['/v1/Events', ['StartDate', 'EndDate']],
    ['/v1/Alerts', ['StartDate', 'EndDate']],
  ] as const) {
    test(`${path}: dates have to be of the calendar`, async () => {
      for (const name of filters) {
        for (const date of ['2026-02-31', '2026-02-29', '2026-13-01', '2026-00-10', '2026-11-00']) {
          const { body } = await server.get(`${path}?${name}=${date}T00:00:00Z`)
          assert.deepEqual([body.code, body.message], [60200, `Invalid parameter: ${name}`], date)
        }
        const late = await server.get(`${path}?${name}=2026-11-20T25:00:00Z`)
        assert.equal(late.body.code, 60200)
        assert.equal((await server.get(`${path}?${name}=2028-02-29T23:59:59.5Z`)).status, 200)
      }
    })
  }
})
