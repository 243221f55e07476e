import { engineElsewhere } from '../support/engines.ts'
import { openMongodbSubject } from './mongodb-subject.ts'
import { workerOnMongodb } from './mongodb-worker.ts'
import { storeConformance } from './store.ts'

// A real replica set is what the adapter is for, and none can be started here: HFTEST_MONGODB_URI names one, whose databases tests may create.
const engine = engineElsewhere('mongodb')

if (engine !== undefined) {
  for (const partitions of [1, 4])
    storeConformance('the MongoDB of HFTEST_MONGODB_URI', partitions, (count) => openMongodbSubject(engine.url, count))
  workerOnMongodb('the MongoDB of HFTEST_MONGODB_URI', engine)
}
