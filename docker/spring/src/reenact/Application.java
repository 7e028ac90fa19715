package reenact;

import java.util.concurrent.CountDownLatch;

import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;
import org.apache.tomcat.jdbc.pool.DataSource;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.DependsOn;
import org.springframework.core.task.AsyncTaskExecutor;
import org.springframework.core.task.SimpleAsyncTaskExecutor;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.scheduling.annotation.EnableAsync;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;
import org.springframework.web.context.support.AnnotationConfigWebApplicationContext;
import org.springframework.web.servlet.DispatcherServlet;
import org.springframework.web.servlet.config.annotation.EnableWebMvc;

/**
 * The report's service with its framework: Spring MVC in an embedded Tomcat, and
 * an @Async method that updates the row's flag after the answer. Which executor
 * runs that method decides what a SIGTERM loses. Its contract (HTTP, log, tables)
 * is that of the Rust service in {@code docker/services}.
 */
@Configuration
@EnableAsync
@EnableWebMvc
public class Application {
    static final String TELEMETRY = "telemetryExecutor";

    public static void main(String[] arguments) throws Exception {
        Settings settings = new Settings();
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir("/tmp/tomcat");
        tomcat.setPort(settings.port);
        Context root = tomcat.addContext("", null);

        AnnotationConfigWebApplicationContext context = new AnnotationConfigWebApplicationContext();
        context.addBeanFactoryPostProcessor(factory -> {
            factory.registerSingleton("settings", settings);
            factory.registerSingleton("tomcat", tomcat);
        });
        context.setServletContext(root.getServletContext());
        context.register(Application.class);
        DispatcherServlet dispatcher = new DispatcherServlet();
        // Injected, as Boot does: a servlet does not close a context that is not its own.
        dispatcher.setApplicationContext(context);
        Tomcat.addServlet(root, "dispatcher", dispatcher).setLoadOnStartup(1);
        root.addServletMappingDecoded("/", "dispatcher");

        // SIGTERM closes the context: the JVM's default, and Boot's.
        context.registerShutdownHook();
        context.refresh();
        Log.line("started, " + settings);
        // Tomcat's threads are daemons.
        new CountDownLatch(1).await();
    }

    /** The executor under test, under the name that @Async looks for. */
    @Bean
    // So it is destroyed before the connections that its tasks need. Without this
    // even the right settings would lose work.
    @DependsOn({"dataSource", "gauges"})
    AsyncTaskExecutor taskExecutor(Settings settings) {
        if (settings.executor.equals("simple")) {
            return new SimpleAsyncTaskExecutor("async-");
        }
        ThreadPoolTaskExecutor pool = new ThreadPoolTaskExecutor();
        pool.setThreadNamePrefix("async-");
        // Boot's default since 2.1: a fixed number of threads, an unbounded queue.
        pool.setCorePoolSize(settings.workers);
        // Not interrupted, and the queue not discarded. Alone it means that nobody
        // waits for them, and the JVM halts.
        pool.setWaitForTasksToCompleteOnShutdown(settings.executor.startsWith("wait_"));
        // Waited for. Alone it means that tasks are interrupted and then waited for.
        boolean awaits = settings.executor.equals("await_only") || settings.executor.equals("wait_await");
        pool.setAwaitTerminationSeconds(awaits ? settings.awaitSeconds : 0);
        return pool;
    }

    @Bean(name = TELEMETRY)
    @DependsOn({"dataSource", "gauges"})
    ThreadPoolTaskExecutor telemetryExecutor(Settings settings, Gauges gauges) {
        ThreadPoolTaskExecutor pool = new ThreadPoolTaskExecutor();
        pool.setThreadNamePrefix("telemetry-");
        pool.setCorePoolSize(8);
        pool.setQueueCapacity(settings.telemetryLimit);
        pool.setRejectedExecutionHandler((task, executor) -> gauges.telemetryDropped.incrementAndGet());
        return pool;
    }

    @Bean(destroyMethod = "close")
    DataSource dataSource(Settings settings) {
        DataSource source = new DataSource();
        source.setDriverClassName("org.postgresql.Driver");
        source.setUrl(settings.jdbcUrl());
        source.setInitialSize(1);
        source.setMaxIdle(16 + settings.workers);
        source.setMaxActive(16 + settings.workers);
        source.setMaxWait(settings.databaseLimitMs);
        // A connection may have been cut.
        source.setTestOnBorrow(true);
        source.setValidationQuery("SELECT 1");
        return source;
    }

    @Bean
    Store store(DataSource source, Settings settings) throws Exception {
        Store store = new Store(new JdbcTemplate(source), settings);
        store.createTables();
        return store;
    }

    @Bean
    Gauges gauges() {
        return new Gauges();
    }

    @Bean
    Updates updates(Store store, Gauges gauges, Settings settings) {
        return new FlagUpdater(store, gauges, settings);
    }

    @Bean
    RequestController requestController(Store store, Updates updates, Gauges gauges, Settings settings) {
        return new RequestController(store, updates, gauges, settings);
    }

    @Bean
    WebServer webServer(Tomcat tomcat, Gauges gauges) {
        return new WebServer(tomcat, gauges);
    }
}
