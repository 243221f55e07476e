import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { ClusterOptions } from '../../src/adapters/opensearch/cluster.ts'
import { openSearch } from '../../src/adapters/opensearch/opensearch.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { failureClass } from '../../src/ports/failure.ts'
import { engineForTests } from '../support/engines.ts'
import { complaint, QUERY, scriptedCluster } from './opensearch-scripted.ts'

// For its certificate: no search engine that is built here speaks TLS.
const secure = await engineForTests('ferretdb-secure')

if (secure?.own !== undefined) {
  const { caFile } = secure.own.security
  const [key, cert] = ['server-key.pem', 'server.pem'].map((file) => readFileSync(join(dirname(caFile), file)))

  test('[OSE5] credentials and the file of an authority open a cluster that wants both; without that file it is not spoken to', async () => {
    assert.ok(key !== undefined && cert !== undefined)
    const expected = `Basic ${Buffer.from('someone:a: password').toString('base64')}`
    await using server = await scriptedCluster(
      ({ authorization }) =>
        authorization === expected
          ? { status: 200, body: { hits: { hits: [] } } }
          : complaint(401, 'security_exception'),
      { key, cert },
    )
    const ask = async (options: Omit<ClusterOptions, 'url'>) => {
      const cluster = openSearch({ url: server.url, ...options }, systemClock)
      try {
        return await cluster.search.query(QUERY).then(
          () => 'found',
          (error: Error) => `${failureClass(error)}: ${error.message}`,
        )
      } finally {
        await cluster.close()
      }
    }
    const known = { username: 'someone', password: 'a: password', tlsCaFile: caFile }
    assert.equal(await ask(known), 'found')
    assert.match(await ask({ ...known, password: 'wrong' }), /^operator: .*check the user, its password/)
    assert.match(await ask({ tlsCaFile: caFile }), /^operator: .*check the user, its password/)
    const { asked } = server
    const before = asked.length
    assert.match(await ask({ ...known, tlsCaFile: undefined }), /^transient: .*certificate/)
    assert.equal(asked.length, before)
  })
}
