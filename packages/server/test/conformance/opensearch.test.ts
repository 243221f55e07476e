import { engineElsewhere, engineForTests } from '../support/engines.ts'
import { openSearchSubject } from './opensearch-subject.ts'
import { searchConformance } from './search.ts'

const engines = {
  OpenSearch: await engineForTests('opensearch'),
  Elasticsearch: await engineForTests('elasticsearch'),
  'the search cluster of HFTEST_SEARCH': engineElsewhere('search'),
}

for (const [name, engine] of Object.entries(engines))
  if (engine !== undefined) searchConformance(name, () => openSearchSubject(engine.url))
