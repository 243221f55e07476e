import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MongodbOptions, openMongodb, setUpMongodb } from '../../src/adapters/mongodb/mongodb.ts'
import { failureClass } from '../../src/ports/failure.ts'
import { engineForTests } from '../support/engines.ts'
import { entry, write } from './documents.ts'
import { mongodbOptions, ownDatabase } from './mongodb-subject.ts'

const engine = await engineForTests('ferretdb-secure')

if (engine?.own !== undefined) {
  const { username, password, caFile } = engine.own.security
  // The one way to prove a password that FerretDB knows.
  const url = `${ownDatabase(engine.url).url}&authMechanism=PLAIN`
  const known = { username, password, tlsCaFile: caFile }

  test('[MDB13] credentials beside the URL and the file of an authority open a server that wants both', async () => {
    await setUpMongodb(mongodbOptions(url, known))
    const mongodb = await openMongodb(mongodbOptions(url, known))
    assert.deepEqual(await write(mongodb.store.timeline, [entry('r', 1)]), { result: 'all' })
    await mongodb.close()
  })

  test('[MDB13] with another password, or none, nothing is opened, and what to look at is said, but no password', async () => {
    const strangers: readonly Partial<MongodbOptions>[] = [
      { ...known, password: 'wrong-password' },
      { ...known, username: 'nobody' },
      { tlsCaFile: caFile },
    ]
    for (const options of strangers) {
      const error = await openMongodb(mongodbOptions(url, options)).catch((error: unknown) => error)
      assert.equal(failureClass(error), 'operator', String(error))
      assert.match(String(error), /check the user, the password|Username required/)
      assert.ok(![password, 'wrong-password'].some((secret) => String(error).includes(secret)))
    }
  })

  test('[MDB13] a server whose certificate nobody vouches for is not spoken to', async () => {
    const error = await openMongodb(mongodbOptions(url, { username, password })).catch((error: unknown) => error)
    assert.match(String(error), /certificate/)
  })
}
