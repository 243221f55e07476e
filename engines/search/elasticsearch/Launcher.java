import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/** One node of Elasticsearch without its start scripts: Launcher MODULES HOME HTTP_PORT TRANSPORT_PORT. */
public final class Launcher {
    public static void main(String[] args) throws Exception {
        Path home = Path.of(args[1]).toAbsolutePath();
        Path config = Files.createDirectories(home.resolve("config"));
        Path plugins = Files.createDirectories(home.resolve("plugins"));
        Settings settings = Settings.builder()
                .put("path.home", home.toString())
                .put("cluster.name", "holdfast")
                .put("node.name", "one")
                .put("http.port", args[2])
                .put("transport.port", args[3])
                .put("network.host", "127.0.0.1")
                .put("discovery.type", "single-node")
                .put("cluster.routing.allocation.disk.threshold_enabled", false)
                .put("cluster.info.update.interval", "24h")
                .put("action.auto_create_index", "false")
                .build();
        LogConfigurator.setNodeName("one");
        LogConfigurator.configureESLogging();
        Environment environment = InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), config, () -> "one");
        Node node = new Node(environment, PluginsLoader.createPluginsLoader(
                PluginsLoader.loadModulesBundles(Path.of(args[0]).toAbsolutePath()),
                PluginsLoader.loadPluginsBundles(plugins),
                Map.of(),
                false));
        node.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception failure) {
                failure.printStackTrace();
            }
        }));
        Thread.currentThread().join();
    }
}
