import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.List;
import java.util.Set;

/** mongo-java-server on a file, which answers a write only when it is synced: Launcher PORT FILE. */
public final class Launcher {
    private static final Set<String> WRITES = Set.of(
            "insert", "update", "delete", "findAndModify", "findandmodify", "createIndexes", "create", "drop", "dropDatabase");

    private static final class SyncingBackend extends H2Backend {
        SyncingBackend(String file) {
            super(file);
        }

        @Override
        public Document handleMessage(MongoMessage message) {
            Document reply = super.handleMessage(message);
            if (WRITES.contains(message.getDocument().keySet().iterator().next())) {
                getMvStore().commit();
                getMvStore().sync();
            }
            return reply;
        }
    }

    /** Today's drivers ask for wire version 9 at least; the one of its own is 8. */
    private static final class Version implements MongoVersion {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(5, 0, 0);
        }

        @Override
        public int getWireVersion() {
            return 13;
        }
    }

    public static void main(String[] args) {
        H2Backend backend = new SyncingBackend(args[1]);
        backend.version(new Version());
        MongoServer server = new MongoServer(backend);
        server.bind("127.0.0.1", Integer.parseInt(args[0]));
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
    }
}
