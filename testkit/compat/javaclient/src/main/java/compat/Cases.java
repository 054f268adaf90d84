package compat;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.PrintStream;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.platform.engine.FilterResult;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.PostDiscoveryFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * Runs the cases of the Java client and prints them the way {@code go test -v} does, so that one reader serves all
 * suites. The argument is {@code --list} or a regular expression that the names of the wanted cases match.
 */
public final class Cases {
    private static final Class<?>[] CLASSES = {
        SendCases.class, PushCases.class, PullCases.class, LitePullCases.class, FilterCases.class, QueryCases.class, AdminCases.class,
        TransactionCases.class, TimerCases.class, PopCases.class, PopRequestCases.class, PopWaitingCases.class, PopOrderCases.class,
        PopConsumerCases.class, BatchTopicCases.class,
    };

    private Cases() {
    }

    public static void main(String[] args) {
        if (args[0].equals("--list")) {
            var launcher = LauncherFactory.create();
            var plan = launcher.discover(request(Pattern.compile("")));
            plan.getRoots().forEach(root -> plan.getDescendants(root).stream()
                .filter(TestIdentifier::isTest).map(Cases::name).sorted().forEach(System.out::println));
            return;
        }
        var printer = new Printer(System.out);
        LauncherFactory.create().execute(request(Pattern.compile(args[0])), printer);
        System.out.flush();
        // Clients leave threads behind that are no daemons.
        Runtime.getRuntime().halt(printer.failed ? 1 : 0);
    }

    private static LauncherDiscoveryRequest request(Pattern wanted) {
        PostDiscoveryFilter filter = test -> FilterResult.includedIf(test.getSource()
            .filter(MethodSource.class::isInstance)
            .map(source -> wanted.matcher(capital(((MethodSource) source).getMethodName())).find())
            .orElse(true));
        return LauncherDiscoveryRequestBuilder.request()
            .selectors(Stream.of(CLASSES).map(c -> selectClass(c)).collect(Collectors.toList()))
            .filters(filter)
            .configurationParameter("junit.jupiter.execution.parallel.enabled", "true")
            .configurationParameter("junit.jupiter.execution.parallel.mode.default", "concurrent")
            .configurationParameter("junit.jupiter.execution.parallel.config.strategy", "fixed")
            .configurationParameter("junit.jupiter.execution.parallel.config.fixed.parallelism", "6")
            .configurationParameter("junit.jupiter.execution.parallel.config.fixed.max-pool-size", "6")
            .configurationParameter("junit.jupiter.execution.timeout.default", "100 s")
            .build();
    }

    private static String name(TestIdentifier test) {
        return capital(test.getDisplayName().replace("()", ""));
    }

    private static String capital(String name) {
        return Character.toUpperCase(name.charAt(0)) + name.substring(1);
    }

    private static final class Printer implements TestExecutionListener {
        private final PrintStream out;
        private final Map<String, Long> started = new ConcurrentHashMap<>();
        private final Set<String> ended = ConcurrentHashMap.newKeySet();
        private volatile boolean failed;

        Printer(PrintStream out) {
            this.out = out;
        }

        @Override
        public void executionStarted(TestIdentifier test) {
            started.put(test.getUniqueId(), System.nanoTime());
        }

        @Override
        public void executionSkipped(TestIdentifier test, String reason) {
            print(test, "SKIP", new AssertionError("skipped: " + reason));
        }

        @Override
        public void executionFinished(TestIdentifier test, TestExecutionResult result) {
            boolean passed = result.getStatus() == TestExecutionResult.Status.SUCCESSFUL;
            if (test.isTest() || !passed) {
                print(test, passed ? "PASS" : "FAIL", result.getThrowable().orElse(null));
            }
        }

        private synchronized void print(TestIdentifier test, String status, Throwable why) {
            failed |= !status.equals("PASS");
            if (!ended.add(test.getUniqueId())) {
                return;
            }
            String name = name(test);
            out.println("=== NAME  " + name);
            if (why != null) {
                why.printStackTrace(out);
            }
            long nanos = System.nanoTime() - started.getOrDefault(test.getUniqueId(), System.nanoTime());
            out.printf("--- %s: %s (%.2fs)%n", status, name, nanos / 1e9);
        }
    }
}
