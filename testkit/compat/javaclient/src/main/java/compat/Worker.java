package compat;

import com.alibaba.fastjson2.JSON;
import com.alibaba.fastjson2.JSONArray;
import com.alibaba.fastjson2.JSONObject;
import com.alibaba.fastjson2.JSONWriter;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageClientExt;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * A producer or consumer in a process of its own, for cases that mix languages or kill clients. It is driven by lines of
 * JSON and stops in good order when its input ends; its twin in Go is the package worker, where the lines are described.
 *
 * <p>Arguments: {@code produce NAMESRV BROKER_NAME}, {@code consume NAMESRV GROUP TOPIC} or {@code orderly NAMESRV GROUP TOPIC}.
 */
public final class Worker {
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    private Worker() {
    }

    public static void main(String[] args) throws Exception {
        try (var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            switch (args[0]) {
                case "produce" -> produce(in, args[1], args[2]);
                case "consume" -> consume(in, args[1], args[2], args[3], false);
                case "orderly" -> consume(in, args[1], args[2], args[3], true);
                default -> throw new IllegalArgumentException("unknown command " + args[0]);
            }
        }
        Runtime.getRuntime().halt(0); // clients leave threads behind that are no daemons
    }

    private static void produce(BufferedReader in, String nameServer, String brokerName) throws Exception {
        var producer = new DefaultMQProducer("java-worker");
        producer.setNamesrvAddr(nameServer);
        producer.setMqClientApiTimeout(Case.API_TIMEOUT);
        producer.setSendMsgTimeout(Case.API_TIMEOUT);
        producer.start();
        print(Map.of("event", "ready"));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            List<Message> messages = new ArrayList<>();
            int queue = 0;
            for (Object each : JSONArray.parseArray(line)) {
                var described = (JSONObject) each;
                messages.add(message(described));
                queue = described.getIntValue("queue");
            }
            var target = new MessageQueue(messages.get(0).getTopic(), brokerName, queue);
            SendResult result = messages.size() == 1 ? producer.send(messages.get(0), target) : producer.send(messages, target);
            print(Map.of("event", "sent", "status", result.getSendStatus().name(), "msgId", result.getMsgId(),
                "offsetMsgId", result.getOffsetMsgId(), "offset", result.getQueueOffset()));
        }
        producer.shutdown();
    }

    private static Message message(JSONObject described) {
        var message = new Message(described.getString("topic"), Base64.getDecoder().decode(described.getString("body")));
        message.setFlag(described.getIntValue("flag"));
        if (described.getString("tags") != null) {
            message.setTags(described.getString("tags"));
        }
        if (described.getString("keys") != null) {
            message.setKeys(described.getString("keys"));
        }
        JSONObject props = described.getJSONObject("props");
        if (props != null) {
            props.forEach((name, value) -> message.putUserProperty(name, (String) value));
        }
        return message;
    }

    private static void consume(BufferedReader in, String nameServer, String group, String topic, boolean orderly) throws Exception {
        var consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(nameServer);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.setHeartbeatBrokerInterval(5000); // see Case
        consumer.setMqClientApiTimeout(Case.API_TIMEOUT);
        consumer.subscribe(topic, "*");
        if (orderly) {
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
                messages.forEach(message -> print(describe(message)));
                return ConsumeOrderlyStatus.SUCCESS;
            });
        } else {
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                messages.forEach(message -> print(describe(message)));
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
        }
        consumer.start();
        print(Map.of("event", "ready"));
        while (in.readLine() != null) {
            // Nothing is said to a consumer; the end of its input stops it.
        }
        consumer.shutdown();
    }

    private static Map<String, Object> describe(MessageExt message) {
        Map<String, Object> all = new TreeMap<>();
        all.put("event", "message");
        all.put("topic", message.getTopic());
        all.put("body", Base64.getEncoder().encodeToString(message.getBody()));
        all.put("flag", message.getFlag());
        all.put("props", new TreeMap<>(message.getProperties()));
        all.put("queue", message.getQueueId());
        all.put("offset", message.getQueueOffset());
        all.put("logOffset", message.getCommitLogOffset());
        all.put("msgId", message.getMsgId());
        all.put("offsetMsgId", ((MessageClientExt) message).getOffsetMsgId());
        all.put("bornTimestamp", message.getBornTimestamp());
        all.put("storeTimestamp", message.getStoreTimestamp());
        all.put("storeSize", message.getStoreSize());
        all.put("bodyCRC", message.getBodyCRC());
        all.put("reconsumeTimes", message.getReconsumeTimes());
        return all;
    }

    private static synchronized void print(Map<String, Object> line) {
        OUT.println(JSON.toJSONString(line, JSONWriter.Feature.WriteMapNullValue));
    }
}
