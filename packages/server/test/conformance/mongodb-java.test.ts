import { engineForTests } from '../support/engines.ts'
import { mongodbBehaviour } from './mongodb-behaviour.ts'
import { openMongodbSubject } from './mongodb-subject.ts'
import { workerOnMongodb } from './mongodb-worker.ts'
import { storeConformance } from './store.ts'

const engine = await engineForTests('mongo-java-server')

if (engine !== undefined) {
  for (const partitions of [1, 4])
    storeConformance('mongo-java-server', partitions, (count) => openMongodbSubject(engine.url, count, 'utf-16'))
  mongodbBehaviour('mongo-java-server', engine, { documentsMax: 1000 })
  workerOnMongodb('mongo-java-server', engine)
}
