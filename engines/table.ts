import { ENGINES, type Engine, type EngineName } from './engine.ts'
import { FERRETDB, FERRETDB_PG, FERRETDB_SECURE } from './ferretdb/ferretdb.ts'
import { KAFKA, KAFKA_SECURE, KAFKA3 } from './kafka/kafka.ts'
import { MONGO_JAVA_SERVER } from './mongo-java-server/mongo-java-server.ts'
import { ELASTICSEARCH, ELASTICSEARCH7, ELASTICSEARCH9, OPENSEARCH, OPENSEARCH3 } from './search/search.ts'

export const ENGINE: Readonly<Record<EngineName, Engine>> = {
  kafka: KAFKA,
  kafka3: KAFKA3,
  'kafka-secure': KAFKA_SECURE,
  ferretdb: FERRETDB,
  'ferretdb-pg': FERRETDB_PG,
  'ferretdb-secure': FERRETDB_SECURE,
  'mongo-java-server': MONGO_JAVA_SERVER,
  opensearch: OPENSEARCH,
  elasticsearch: ELASTICSEARCH,
  opensearch3: OPENSEARCH3,
  elasticsearch7: ELASTICSEARCH7,
  elasticsearch9: ELASTICSEARCH9,
}

/** What is built and tested unless somebody names others. */
export const USUAL: readonly EngineName[] = ENGINES.filter((name) => ENGINE[name].isOnDemand !== true)
