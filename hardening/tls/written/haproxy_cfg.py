"""tls/haproxy.cfg.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 3437946975
INCLUDES = ('tls/_header.j2',)


def made(environment, runtime):
    TemplateRuntimeError = runtime['TemplateRuntimeError']
    Undefined = runtime['Undefined']
    internalcode = runtime['internalcode']
    missing = runtime['missing']

    def root(context, missing=missing, environment=environment):
        resolve = context.resolve_or_missing
        undefined = environment.undefined
        concat = environment.concat
        cond_expr_undefined = Undefined
        if 0: yield None
        l_0_job = resolve('job')
        l_0_dh_file = resolve('dh_file')
        l_0_dh_size = resolve('dh_size')
        l_0_options = resolve('options')
        l_0_params = resolve('params')
        try:
            t_1 = environment.filters['join']
        except KeyError:
            @internalcode
            def t_1(*unused):
                raise TemplateRuntimeError("No filter named 'join' found.")
        pass
        template = environment.get_template('tls/_header.j2', 'tls/haproxy.cfg.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        yield 'global\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphers'):
            pass
            yield '    ssl-default-bind-ciphers '
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'cipher_string'))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'):
            pass
            yield '    ssl-default-bind-ciphersuites '
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'), ':'))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'groups'):
            pass
            yield '    ssl-default-bind-curves '
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'groups'), ':'))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'signatures'):
            pass
            yield '    ssl-default-bind-sigalgs '
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'signature_string'))
            yield '\n'
        if (undefined(name='dh_file') if l_0_dh_file is missing else l_0_dh_file):
            pass
            yield '    ssl-dh-param-file '
            yield str((undefined(name='dh_file') if l_0_dh_file is missing else l_0_dh_file))
            yield '\n'
        elif (undefined(name='dh_size') if l_0_dh_size is missing else l_0_dh_size):
            pass
            yield '    tune.ssl.default-dh-param '
            yield str((undefined(name='dh_size') if l_0_dh_size is missing else l_0_dh_size))
            yield '\n'
        if (undefined(name='options') if l_0_options is missing else l_0_options):
            pass
            yield '    ssl-default-bind-options '
            yield str(t_1(context.eval_ctx, (undefined(name='options') if l_0_options is missing else l_0_options), ' '))
            yield '\n'
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            yield 'frontend harden\n    mode http\n    bind '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'))
            yield ' ssl crt '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate'))
            yield '\n'

    return root
