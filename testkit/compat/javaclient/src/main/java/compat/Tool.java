package compat;

import java.util.ArrayList;
import java.util.List;
import org.apache.rocketmq.tools.command.MQAdminStartup;

/**
 * Runs several commands of mqadmin in one process, whose start takes longer than most of them.
 *
 * <p>Arguments: the commands, each behind a {@code ;}. What a command prints on either stream follows a line {@code ; COMMAND}.
 */
public final class Tool {
    private Tool() {
    }

    public static void main(String[] args) {
        System.setErr(System.out);
        List<String> command = new ArrayList<>();
        for (String arg : args) {
            if (arg.equals(";")) {
                run(command);
                command = new ArrayList<>();
            } else {
                command.add(arg);
            }
        }
        run(command);
        System.exit(0); // what a command left running must not hold the process up
    }

    private static void run(List<String> command) {
        if (command.isEmpty()) {
            return;
        }
        System.out.printf("%n; %s%n", String.join(" ", command));
        MQAdminStartup.main(command.toArray(new String[0]));
        System.out.flush();
    }
}
