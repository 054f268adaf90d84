package compat;

/** A cluster under test, as the runner describes it in the environment. */
record Cluster(String nameServer, String broker, String brokerName, String name) {
    /** The cluster as it comes, but with SQL92 filters. */
    static Cluster main() {
        return new Cluster(env("COMPAT_NAMESRV"), env("COMPAT_BROKER"), env("COMPAT_BROKER_NAME"), env("COMPAT_CLUSTER"));
    }

    /** The one without them that creates no topics by itself. */
    static Cluster strict() {
        return new Cluster(env("COMPAT_STRICT_NAMESRV"), env("COMPAT_STRICT_BROKER"), env("COMPAT_BROKER_NAME"), env("COMPAT_CLUSTER"));
    }

    /** The one that a program is told of by its arguments: what to do, and then the name server, the broker and its name. */
    static Cluster of(String[] args) {
        return new Cluster(args[1], args[2], args[3], "compat");
    }

    private static String env(String name) {
        String value = System.getenv(name);
        if (value == null || value.isEmpty()) {
            throw new IllegalStateException(name + " is not set; run testkit/compat/run.sh");
        }
        return value;
    }
}
