import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type KafkaOptions, openKafka, setUpKafka } from '../../src/adapters/kafka/kafka.ts'
import { failureClass } from '../../src/ports/failure.ts'
import { engineForTests } from '../support/engines.ts'
import { all, record } from './kafka-scene.ts'
import { kafkaOptions, SHORT } from './kafka-subject.ts'

const engine = await engineForTests('kafka-secure')

if (engine?.own !== undefined) {
  const { url } = engine
  const { username, password, caFile } = engine.own.security
  const tls = { caFile }
  const options = (options: Partial<KafkaOptions>) =>
    kafkaOptions(url, { timeouts: { ...SHORT, askMs: 2_000 }, ...options })

  describe('Kafka with TLS and credentials', () => {
    for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)
      test(`[KFK13] ${mechanism} over TLS lets those in who know the password`, async () => {
        const right = options({ tls, sasl: { mechanism, username, password } })
        await setUpKafka({ ...right, partitions: 1, replication: 1, minInSync: 1 })
        const kafka = await openKafka(right)
        await kafka.logs.commands.append(0, [record('a')])
        assert.equal((await all(kafka.logs.commands, 0)).length, 1)
        assert.equal(await kafka.logs.commands.committed('g', 0), undefined)
        await kafka.close()
        for (const sasl of [
          { mechanism, username, password: 'wrong' },
          { mechanism, username: 'nobody', password },
        ])
          await assert.rejects(openKafka({ ...right, sasl }), isOperators(/[Aa]uthentication failed|[Ii]nvalid/))
      })

    test('[KFK13] a certificate nobody here vouches for is the operator’s; where brokers hang up, what may be missing is named', async () => {
      const sasl = { mechanism: 'SCRAM-SHA-512', username, password } as const
      await assert.rejects(openKafka(options({ tls: {}, sasl })), isOperators(/certificate/))
      await assert.rejects(openKafka(options({ sasl })), /if the brokers ask for TLS, it must be set/)
      await assert.rejects(openKafka(options({ tls })), /if the brokers ask for credentials, it must be set/)
    })
  })
}

function isOperators(message: RegExp): (error: unknown) => true {
  return (error) => {
    assert.equal(failureClass(error), 'operator', String(error))
    assert.match(String(error), message)
    return true
  }
}
