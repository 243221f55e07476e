import { openSearch } from '../../src/adapters/opensearch/opensearch.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { engineElsewhere, engineForTests } from '../support/engines.ts'
import { dropIndexes, openSearchSubject, ownPrefix } from './opensearch-subject.ts'
import { searchConformance } from './search.ts'
import { draftConformance } from './search-drafts.ts'

const engines = {
  OpenSearch: await engineForTests('opensearch'),
  Elasticsearch: await engineForTests('elasticsearch'),
  'the search cluster of HFTEST_SEARCH': engineElsewhere('search'),
}

for (const [name, engine] of Object.entries(engines))
  if (engine !== undefined) {
    searchConformance(name, () => openSearchSubject(engine.url))
    draftConformance(name, async () => {
      const { url } = ownPrefix(engine.url)
      const [one, other] = [openSearch({ url }, systemClock), openSearch({ url }, systemClock)]
      return {
        search: one.search,
        elsewhere: other.search,
        close: async () => {
          await Promise.all([one.close(), other.close()])
          await dropIndexes(url)
        },
      }
    })
  }
